/** A function (req, res): `req.query`, `req.body` and `res.json()` are helpers. */
export default function handler(req, res) {
  if (req.method === "POST") return res.status(201).json({ received: req.body });
  res.json({
    hello: req.query.name ?? "world",
    region: process.env.CLOUDIFY_REGION ?? null,
    node: process.version,
  });
}
