"""Users die of their exceptions when the environment does not catch them; here from deep inside."""

from locust import HttpUser, TaskSet, constant, events, task


@events.init.add_listener
def do_not_catch(environment, **kwargs):
    environment.catch_exceptions = False


class Outer(TaskSet):
    @task
    class Inner(TaskSet):
        @task
        def break_down(self):
            self.client.get("/inner")
            raise KeyError("basket")


class Customer(HttpUser):
    wait_time = constant(0.02)
    tasks = [Outer]
