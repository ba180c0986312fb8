"""Locust's web form, guarded: wrong options are refused in the form, in the same words.

Locust takes the form's texts past the parser, so they are read here as everywhere else before the
run starts.
"""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request
from locust.env import Environment
from locust.web import WebUI

from openclaw_locust.option_values import SettingsError
from openclaw_locust.run.capacity import check_machine
from openclaw_locust.run.environment import check_classes
from openclaw_locust.run.shapes import put_in_stages
from openclaw_locust.workload import check


def guard_form(web_ui: WebUI, environment: Environment) -> None:
    """Refuse a start from the form whose options are wrong; the form shows the line.

    In the form, stages go before the number of users, which the form always sends.
    """
    options = environment.parsed_options
    start_path = f"{getattr(options, 'web_base_path', None) or ''}/swarm"
    app = web_ui.app
    assert app is not None

    def refuse_wrong_options() -> Response | None:
        if request.method != "POST" or request.path != start_path:
            return None
        form: dict[str, Any] = dict(request.form.items())
        try:
            settings = check(environment, form.get("host") or environment.host, form=form)
            check_classes(environment, settings)
            check_machine({**vars(options), **form} if options else form, settings)
            put_in_stages(environment, settings.stages)
        except SettingsError as error:
            return jsonify({"success": False, "message": str(error), "host": environment.host})
        return None

    app.before_request(refuse_wrong_options)
