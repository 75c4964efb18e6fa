"""A shape that reads the common options, as in "Custom load shapes"."""

from locust import HttpUser, LoadTestShape, constant, task


class Half(LoadTestShape):
    use_common_options = True

    def tick(self):
        options = self.runner.environment.parsed_options
        if self.get_run_time() < options.run_time:
            return options.num_users // 2, options.spawn_rate
        return None


class Walker(HttpUser):
    wait_time = constant(10)

    @task
    def walk(self):
        self.client.get("/walk")
