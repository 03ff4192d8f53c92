// Runs on the node: two servers that say who they are, and a client that connects until the one it wants answers.
// Usage: service-peer.ts serve | service-peer.ts await ADDRESS PORT NAME
import { connect, createServer } from 'node:net';

export const SERVERS: Readonly<Record<string, number>> = { old: 7001, new: 7002 };

const TRY_TIMEOUT_MS = 100;
const PAUSE_MS = 1;
const PATIENCE_MS = 180_000;

function serve(): void {
  for (const [name, port] of Object.entries(SERVERS)) {
    createServer(socket => socket.on('error', () => {}).end(name)).listen(port);
  }
}

/** Prints `waiting`, and then the wall-clock time of the first answer by the wanted server. */
async function awaitAnswer(address: string, port: number, wanted: string): Promise<void> {
  console.log('waiting');
  const startedMs = performance.now();
  while (performance.now() - startedMs < PATIENCE_MS) {
    if ((await ask(address, port)) === wanted) {
      console.log(`answer ${performance.timeOrigin + performance.now()}`);
      return;
    }
    await new Promise(done => setTimeout(done, PAUSE_MS));
  }
  console.log('none');
}

function ask(host: string, port: number): Promise<string> {
  return new Promise(done => {
    let text = '';
    const socket = connect({ host, port });
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      done(text);
    };
    const timer = setTimeout(finish, TRY_TIMEOUT_MS);
    socket.setEncoding('utf8').on('data', piece => {
      text += String(piece);
    });
    socket.once('end', finish).once('error', finish);
  });
}

if (process.argv[1] === import.meta.filename) {
  const [mode, address = '', port = '', name = ''] = process.argv.slice(2);
  if (mode === 'serve') serve();
  else await awaitAnswer(address, Number(port), name);
}
