// Ratings back to back on open connections: the next one goes out with each ack.
import ws from 'k6/ws';

export const options = { vus: Number(__ENV.USERS), duration: __ENV.DURATION + 's' };

export default function () {
  ws.connect(__ENV.URL, {}, (socket) => {
    const rate = () => socket.send(JSON.stringify({
      action: 'rate', itemId: Math.ceil(Math.random() * 1000), score: Math.ceil(Math.random() * 5),
    }));
    socket.on('open', rate);
    socket.on('message', (message) => { if (JSON.parse(message).type === 'ack') rate(); });
    socket.setTimeout(() => socket.close(), (Number(__ENV.DURATION) + 1) * 1000);
  });
}
