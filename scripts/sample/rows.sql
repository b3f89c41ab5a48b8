-- Invented rows, made by the server. %NOW% is the instant of the load: all times lie before it. No randomness: a load can be repeated.
INSERT INTO customer (public_id, name, email, city_id, preferences, created_at)
SELECT md5('customer ' || n)::uuid,
       (ARRAY['Amber','Birch','Cedar','Delta','Ember','Fjord','Grove','Harbour','Indigo','Juniper'])[1 + n % 10] || ' '
         || (ARRAY['Bakery','Bikes','Books','Coffee','Gardens','Music','Optics','Paper','Tools','Toys'])[1 + n / 10 % 10] || ' ' || n,
       'customer-' || n || '@example.com',
       c.id,
       jsonb_build_object('newsletter', n % 3 = 0, 'language', (ARRAY['de','en','es','fr','pl'])[1 + n % 5], 'limits', jsonb_build_array(n % 7, n % 11)),
       timestamptz '%NOW%' - interval '400 days' + n * interval '20 minutes'
FROM generate_series(1, 10000) n
JOIN (SELECT id, row_number() OVER (ORDER BY population DESC, id) AS rank FROM city LIMIT 5000) c ON c.rank = 1 + n % 5000;

INSERT INTO product (sku, name, price_cents, stock, tags, attributes, picture)
SELECT 'SKU-' || lpad(n::text, 5, '0'), 'Article ' || n, 199 + n * 37 % 9800, 1000 + n,
       ARRAY[(ARRAY['red','green','blue','grey'])[1 + n % 4], (ARRAY['small','large'])[1 + n % 2]],
       jsonb_build_object('weight', n % 900, 'box', jsonb_build_object('w', n % 40, 'h', n % 30)),
       CASE WHEN n <= 100 THEN (SELECT decode(string_agg(md5(n || '-' || i), ''), 'hex') FROM generate_series(1, 500) i) END
FROM generate_series(1, 500) n;

INSERT INTO orders (customer_id, status, total_cents, note, placed_at, updated_at)
SELECT 1 + n * 7919 % 10000,
       (ARRAY['delivered','delivered','delivered','shipped','cancelled','paid']::order_status[])[1 + n % 6],
       500 + n % 20000,
       CASE WHEN n % 9 = 0 THEN 'Please leave it at the door of number ' || n % 200 END,
       at, at + interval '3 hours'
FROM generate_series(1, 30000) n, LATERAL (SELECT timestamptz '%NOW%' - interval '101 days' + n * interval '4.8 minutes' AS at) t;

INSERT INTO order_line (order_id, line, product_id, quantity, price_cents)
SELECT n, l, 1000 + (n * 31 + l * 17) % 500, 1 + (n + l) % 4, 199 + (n * l) % 5000
FROM generate_series(1, 30000) n, generate_series(1, 3) l
WHERE l = 1 OR (n + l) % 2 = 0;

INSERT INTO event (at, order_id, kind, payload)
SELECT placed_at, id, 'placed', jsonb_build_object('total', total_cents, 'channel', (ARRAY['web','app','phone'])[1 + id % 3])
FROM orders;

INSERT INTO heartbeat (writer, beat_at, beats) VALUES ('load', '%NOW%', 1);
