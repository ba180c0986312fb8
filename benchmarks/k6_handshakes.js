// Connects a WebSocket, closes it, and does so again. k6 never resumes a session.
import ws from "k6/ws";

const version = __ENV.TLS_VERSION === "1.2" ? "tls1.2" : "tls1.3";
const identity = __ENV.CERT
  ? { tlsAuth: [{ cert: open(__ENV.CERT), key: open(__ENV.KEY) }] }
  : {};

export const options = Object.assign(
  {
    vus: Number(__ENV.USERS),
    duration: `${__ENV.DURATION}s`,
    tlsVersion: { min: version, max: version },
    summaryTrendStats: ["p(50)", "p(95)", "p(99)"],
  },
  identity,
);

export default function () {
  ws.connect(__ENV.URL, {}, (socket) => socket.on("open", () => socket.close()));
}
