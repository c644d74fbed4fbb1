"""What a network is shown and taught, as pictures: crops after augmentation, boxes, label maps and score maps.

Stands between the tracking task, which hands batches over while it trains, and the rooms that it looks into: data,
targets, models.
"""
