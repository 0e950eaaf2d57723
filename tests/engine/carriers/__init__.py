"""What every carrier must do, written against `engine.port.Carrier`.

A carrier is put through it by a module that inherits from all classes of `suite` and has a fixture `hands`.
"""
