"""Writes down everything that it is told about how it runs."""

import json
import os
import sys

from locust import HttpUser, constant, events, tag, task

TOLD = {"argv": [word for word in sys.argv if word in ("--headless", "--master", "--worker")]}


@events.init_command_line_parser.add_listener
def add_arguments(parser):
    parser.add_argument("--basket", type=int, default=3, env_var="LOCUST_BASKET")
    parser.add_argument("--greeting", type=str, default="hello", include_in_web_ui=False)


@events.test_start.add_listener
def write(environment, **kwargs):
    options = {name: value for name, value in vars(environment.parsed_options).items()}
    named = ("host", "tags", "exclude_tags", "reset_stats", "stop_timeout", "catch_exceptions", "locustfile", "profile")
    TOLD["options"] = options
    TOLD["environment"] = {name: getattr(environment, name) for name in named}
    TOLD["users"] = [each.__name__ for each in environment.user_classes]
    TOLD["tasks"] = {name: len(tasks) for name, tasks in environment.available_user_tasks.items()}
    TOLD["runner"] = type(environment.runner).__name__
    with open(os.environ["OPTIONS_TOLD"], "w", encoding="utf-8") as file:
        json.dump(TOLD, file)


class Visitor(HttpUser):
    wait_time = constant(10)

    @tag("a")
    @task
    def look(self):
        self.client.get("/look", headers={"X-Basket": str(self.environment.parsed_options.basket)})
