"""Files in, frozen values or every mistake out: ``load.load_experiment`` and ``finding.find_experiment`` are the way in."""
