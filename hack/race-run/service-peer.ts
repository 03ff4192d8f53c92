// Runs on the node: servers that say who they are, a client that connects until the one it wants answers, and one that
// takes the time of connections. Usage: service-peer.ts serve | await ADDRESS PORT NAME | connect ADDRESS PORT
import { connect, createServer } from 'node:net';
import koffi from 'koffi';

export const SERVERS: Readonly<Record<string, number>> = { old: 7001, new: 7002, other: 8080 };

const TRY_TIMEOUT_MS = 100;
const PAUSE_MS = 1;
const PATIENCE_MS = 180_000; // kube-proxy on a busy machine, ten thousand Services
const CONNECTIONS = 1_000;
const WARM_UP = 100;

type Call = (...args: readonly unknown[]) => unknown;
const AF_INET = 2;
const SOCK_STREAM = 1;

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

/** Prints the microseconds that connect(2) itself took, for each connection. */
function timeConnections(address: string, port: number): void {
  const library = koffi.load(null);
  const socket: Call = library.func('int socket(int domain, int type, int protocol)');
  const connectTo: Call = library.func('int connect(int fd, const void *address, uint32_t size)');
  const close: Call = library.func('int close(int fd)');
  const destination = Buffer.alloc(16); // struct sockaddr_in
  destination.writeUInt16LE(AF_INET, 0);
  destination.writeUInt16BE(port, 2);
  destination.set(address.split('.').map(Number), 4);
  const times: number[] = [];
  for (let count = -WARM_UP; count < CONNECTIONS; count += 1) {
    const fd = socket(AF_INET, SOCK_STREAM, 0);
    const startedNs = process.hrtime.bigint();
    const result = connectTo(fd, destination, destination.length);
    const tookNs = process.hrtime.bigint() - startedNs;
    close(fd);
    if (result !== 0) throw new Error(`connect: ${koffi.errno()}`);
    if (count >= 0) times.push(Number(tookNs) / 1000);
  }
  console.log(times.join('\n'));
}

if (process.argv[1] === import.meta.filename) {
  const [mode, address = '', port = '', name = ''] = process.argv.slice(2);
  if (mode === 'serve') serve();
  else if (mode === 'connect') timeConnections(address, Number(port));
  else await awaitAnswer(address, Number(port), name);
}
