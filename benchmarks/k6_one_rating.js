// What k6 costs before and after the load: start, one rating, end.
import ws from 'k6/ws';

export const options = { vus: 1, iterations: 1 };

export default function () {
  ws.connect(__ENV.URL, {}, (socket) => {
    socket.on('open', () => socket.send(JSON.stringify({ action: 'rate', itemId: 1, score: 5 })));
    socket.on('message', () => socket.close());
  });
}
