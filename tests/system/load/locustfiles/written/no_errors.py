"""What tells Locust how to go on is no error: StopUser, RescheduleTask, InterruptTaskSet."""

from locust import HttpUser, TaskSet, constant, task
from locust.exception import InterruptTaskSet, RescheduleTask, StopUser


class Menu(TaskSet):
    @task
    def choose(self):
        self.user.turn += 1
        self.client.get("/menu")
        if self.user.turn == 1:
            raise RescheduleTask
        if self.user.turn == 2:
            raise InterruptTaskSet(reschedule=False)
        raise StopUser


class Guest(HttpUser):
    wait_time = constant(0.02)
    tasks = [Menu]
    turn = 0


class Early(HttpUser):
    wait_time = constant(0.02)
    fixed_count = 1

    def on_start(self):
        self.client.get("/closed")
        raise StopUser

    @task
    def never(self):
        self.client.get("/never")
