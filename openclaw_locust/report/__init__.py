"""From a run's figures to what people and machines read.

The way: :mod:`.build` takes Locust's CSV set (files, or the same rows from memory) through
:mod:`.records` and :mod:`.read_csv`, and the run's own record through :mod:`.measured`, into
:mod:`.tables`, and asks :mod:`openclaw_locust.verdict`. The
:class:`~openclaw_locust.report.build.Report` that comes out goes to :mod:`.terminal`,
:mod:`.markdown` and :mod:`.json_output`; what both texts show is made in :mod:`.marks`,
:mod:`.sections` and :mod:`.wording`. A further format is a further module beside these three.

This package file imports nothing, since :mod:`.command` must start without pandas.
"""
