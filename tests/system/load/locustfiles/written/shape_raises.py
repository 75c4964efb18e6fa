"""A shape that runs out of stages."""

from locust import FastHttpUser, LoadTestShape, constant, task


class Stages(LoadTestShape):
    stages = [(1, 2)]

    def tick(self):
        run_time = self.get_run_time()
        return self.stages[int(run_time)][1], 100


class Walker(FastHttpUser):
    wait_time = constant(0.1)

    @task
    def walk(self):
        self.client.get("/walk")
