// Connects back to back: TCP, a full TLS handshake, the upgrade, a close.
import ws from 'k6/ws';

export const options = { vus: Number(__ENV.USERS), duration: __ENV.DURATION + 's' };

export default function () {
  ws.connect(__ENV.URL, {}, (socket) => { socket.on('open', () => socket.close()); });
}
