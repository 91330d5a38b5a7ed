"""The SimPy kit: asyncio event loops on one virtual clock, a network, the queue of a server.

It knows nothing of coordinators, workers or faults.
"""
