"""A fetcher whose library is missing."""

import library_that_nobody_has  # noqa: F401
