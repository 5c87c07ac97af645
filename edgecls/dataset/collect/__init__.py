"""Collecting images from the web into class folders.

Sources find addresses of images (`search`, `gallery`, `sources`); `job` takes as many as needed,
fetches them through one session (`guarded_session`), saves new whole images of the right size
(`image_store`), and records the outcome of each address (`manifest`). icrawler builds the addresses
of search engines and parses their pages; it never opens a connection.
"""

from edgecls.extras import import_from_extra

import_from_extra("urllib3", extra="data", purpose="collecting images")
import_from_extra("icrawler", extra="data", purpose="collecting images")
import_from_extra("bs4", extra="data", purpose="collecting images")
