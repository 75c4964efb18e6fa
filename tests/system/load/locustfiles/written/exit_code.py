"""The exit code by the share of failures, as in "Running without the web UI"; the limit is an argument of its own."""

from locust import HttpUser, constant, events, task
from locust.exception import StopUser


@events.init_command_line_parser.add_listener
def add_limit(parser):
    parser.add_argument("--most-failures", type=float, env_var="LOCUST_MOST_FAILURES", default=0.01)


@events.quitting.add_listener
def judge(environment, **kwargs):
    if environment.stats.total.fail_ratio > environment.parsed_options.most_failures:
        environment.process_exit_code = 3
    else:
        environment.process_exit_code = 0


class Visitor(HttpUser):
    wait_time = constant(0.02)

    @task
    def visit(self):
        self.client.get("/look")
        self.client.get("/missing")
        self.empty()
        raise StopUser

    def empty(self):
        try:
            [].pop()
        except IndexError:
            pass


class Clumsy(HttpUser):
    fixed_count = 1
    wait_time = constant(10)

    @task
    def fall(self):
        self.client.get("/fall")
        raise IndexError("fell")
