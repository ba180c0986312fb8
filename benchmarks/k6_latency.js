// Each of 50 users sends a rating every 100 ms on one connection and times its ack: k6 has no
// latency of WebSocket messages of its own, so a Trend is fed by hand, in the milliseconds of Date.
import ws from 'k6/ws';
import { Trend } from 'k6/metrics';

export const options = {
  vus: Number(__ENV.USERS),
  duration: __ENV.DURATION + 's',
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max', 'count'],
};
const latency = new Trend('ack_latency', true);
const period = 1000 / Number(__ENV.RATE_PER_USER);

export default function () {
  ws.connect(__ENV.URL, {}, (socket) => {
    const sent = [];
    socket.on('open', () => socket.setInterval(() => {
      if (__ENV.WAIT === 'yes' && sent.length) return; // closed: not before the last ack
      sent.push(Date.now());
      socket.send(JSON.stringify({
        action: 'rate', itemId: Math.ceil(Math.random() * 1000), score: Math.ceil(Math.random() * 5),
      }));
    }, period));
    socket.on('message', (message) => {
      if (JSON.parse(message).type === 'ack') latency.add(Date.now() - sent.shift());
    });
    socket.setTimeout(() => socket.close(), (Number(__ENV.DURATION) + 1) * 1000);
  });
}
