"""Charts as SVG text, to be put into a page: no file, no window, no state kept between them."""
