// Between a client and a server on this machine: counts connections, keeps what clients say, and on request does what
// an attacker on the way would do to get at a password: deny that the server speaks TLS.
import { createServer, connect, type Server, type Socket } from 'node:net'

/** Whose greeting is changed so that the server seems to have no TLS. */
export type Downgrade = 'mysql' | 'postgres'

export class Eavesdropper {
  connections = 0
  readonly #heard: Buffer[] = []
  readonly #sockets = new Set<Socket>()

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  /** Listens on a port of its own; without a `target` it accepts and says nothing. */
  static async start(target?: number, downgrade?: Downgrade): Promise<Eavesdropper> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const ear = new Eavesdropper(server, (server.address() as { port: number }).port)
    server.on('connection', (client) => ear.#accept(client, target, downgrade))
    return ear
  }

  /** Everything that clients sent. */
  get heard(): string {
    return Buffer.concat(this.#heard).toString('latin1')
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }

  #accept(client: Socket, target: number | undefined, downgrade: Downgrade | undefined): void {
    this.connections += 1
    this.#keep(client)
    client.on('data', (chunk: Buffer) => this.#heard.push(chunk))
    if (target === undefined) return
    const server = connect(target, '127.0.0.1')
    this.#keep(server)
    client.on('close', () => server.destroy())
    server.on('close', () => client.destroy())
    let isFirst = true
    client.on('data', (chunk: Buffer) => {
      const asksForTls = downgrade === 'postgres' && isFirst && chunk.length === 8
      if (downgrade === 'postgres') isFirst = false
      if (asksForTls) client.write('N')
      else server.write(chunk)
    })
    server.on('data', (chunk: Buffer) => {
      client.write(downgrade === 'mysql' && isFirst ? withoutTls(chunk) : chunk)
      if (downgrade === 'mysql') isFirst = false
    })
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => this.#sockets.delete(socket))
  }
}

/** MySQL's greeting without the flag CLIENT_SSL. */
function withoutTls(greeting: Buffer): Buffer {
  const changed = Buffer.from(greeting)
  const flags = changed.indexOf(0, 5) + 1 + 4 + 8 + 1 // after version, thread and the first part of the challenge
  changed.writeUInt16LE(changed.readUInt16LE(flags) & ~0x0800, flags)
  return changed
}
