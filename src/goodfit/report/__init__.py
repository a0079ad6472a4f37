def write_report(report, path):
    path.write_text("x")
