"""Every violation of a trial as a short story: who held what, what broke, who ran twice.

`stories` tells them in words, as Mermaid text and as a drawing; `violations` only finds them.
"""

from harness.report.stories.story import Kind, Story
from harness.report.stories.telling import stories
from harness.report.stories.violations import Violation, violations

__all__ = ["Kind", "Story", "Violation", "stories", "violations"]
