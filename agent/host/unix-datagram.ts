// Datagrams to AF_UNIX sockets, for which Node has no call; journald and systemd's notification socket speak it.

import { errnoName } from './errors.ts';
import * as libc from './libc.ts';

/** `sent`, or the errno's name: EAGAIN when the receiver's queue is full, ECONNREFUSED or ENOENT when it is away. */
export type SendOutcome = 'sent' | (string & {});

/** Never waits. */
export class UnixDatagramSender implements Disposable {
  readonly #address: Buffer;
  readonly #fd: number;

  constructor(path: string) {
    this.#address = buildUnixAddress(path);
    this.#fd = libc.socket(libc.AF_UNIX, libc.SOCK_DGRAM, 0);
    if (this.#fd < 0) throw libc.lastError('open datagram socket');
  }

  send(datagram: Buffer): SendOutcome {
    // By address each time: a receiver that was restarted is found again.
    return libc.sendTo(this.#fd, datagram, this.#address) < 0 ? errnoName(libc.lastErrno()) : 'sent';
  }

  [Symbol.dispose](): void {
    libc.close(this.#fd);
  }
}

/** struct sockaddr_un; a leading `@` names an abstract socket, unix(7). */
export function buildUnixAddress(path: string): Buffer {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(libc.AF_UNIX);
  return path.startsWith('@')
    ? Buffer.concat([family, Buffer.from(`\0${path.slice(1)}`, 'utf8')])
    : Buffer.concat([family, Buffer.from(`${path}\0`, 'utf8')]);
}
