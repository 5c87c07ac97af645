"""Collecting images from the web into class folders.

Sources find addresses of images (`search`, `gallery`, `site`, `url_list`); `job` takes as many as
are wanted, fetches them through the one guarded way out (`guarded_session`), keeps whole images
of the right size that are not there yet (`image_store`), and writes down what became of each
address (`manifest`). icrawler knows how search engines are asked; it never opens a connection.
"""

from edgecls.extras import import_from_extra

import_from_extra("urllib3", extra="data", purpose="collecting images")
import_from_extra("icrawler", extra="data", purpose="collecting images")
import_from_extra("bs4", extra="data", purpose="collecting images")
