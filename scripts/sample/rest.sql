-- What comes after the rows: keys, indexes, views, the trigger.
ALTER TABLE country ADD PRIMARY KEY (code);
ALTER TABLE admin_area ADD PRIMARY KEY (id), ADD UNIQUE (country_code, code),
  ADD FOREIGN KEY (country_code) REFERENCES country;
ALTER TABLE city ADD PRIMARY KEY (id), ADD FOREIGN KEY (admin_area_id) REFERENCES admin_area;
CREATE INDEX city_by_area ON city (admin_area_id);
CREATE INDEX city_by_search ON city (search text_pattern_ops);
CREATE INDEX big_city ON city (population DESC) WHERE population > 100000;

ALTER TABLE customer ADD PRIMARY KEY (id), ADD UNIQUE (email), ADD UNIQUE (public_id),
  ADD FOREIGN KEY (city_id) REFERENCES city;
CREATE INDEX customer_by_preference ON customer USING gin (preferences);
ALTER TABLE product ADD PRIMARY KEY (id), ADD UNIQUE (sku);
CREATE INDEX product_by_tag ON product USING gin (tags);

ALTER TABLE orders ADD PRIMARY KEY (id), ADD FOREIGN KEY (customer_id) REFERENCES customer;
CREATE INDEX orders_by_customer ON orders (customer_id, placed_at DESC);
CREATE INDEX orders_by_time ON orders (placed_at);
CREATE INDEX open_orders ON orders (status) WHERE status NOT IN ('delivered', 'cancelled');
ALTER TABLE order_line ADD PRIMARY KEY (order_id, line),
  ADD FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE,
  ADD FOREIGN KEY (product_id) REFERENCES product;
CREATE INDEX order_line_by_product ON order_line (product_id);
ALTER TABLE event ADD PRIMARY KEY (id, at);
CREATE INDEX event_by_order ON event (order_id);

CREATE VIEW order_summary AS
  SELECT o.id, o.status, o.placed_at, c.name AS customer, t.name AS city, count(l.line) AS lines, o.total_cents
  FROM orders o JOIN customer c ON c.id = o.customer_id JOIN city t ON t.id = c.city_id
  LEFT JOIN order_line l ON l.order_id = o.id
  GROUP BY o.id, c.name, t.name;

CREATE MATERIALIZED VIEW revenue_by_country AS
  SELECT a.country_code, count(*) AS orders, sum(o.total_cents) AS cents
  FROM orders o JOIN customer c ON c.id = o.customer_id JOIN city t ON t.id = c.city_id JOIN admin_area a ON a.id = t.admin_area_id
  WHERE o.status <> 'cancelled'
  GROUP BY a.country_code;
CREATE UNIQUE INDEX ON revenue_by_country (country_code);

CREATE FUNCTION log_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO event (at, order_id, kind, payload)
  VALUES (NEW.updated_at, NEW.id, 'status', jsonb_build_object('from', OLD.status, 'to', NEW.status));
  RETURN NULL;
END $$;
CREATE TRIGGER orders_log_status AFTER UPDATE OF status ON orders
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION log_status();
