"""Schools, subjects, teachers, grades."""
