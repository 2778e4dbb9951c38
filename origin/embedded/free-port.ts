/** Ports for servers that tests start. */
import { createServer } from 'node:net'

/**
 * Below those that Linux hands out to outgoing connections: there, a test that waits for a server to come back could find its port
 * taken by one, or connect to itself.
 */
const [FIRST, COUNT] = [20_000, 12_000]

/** As many ports of 127.0.0.1 that nobody listens on now, each another one. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    if (await isFree(port)) found.add(port)
  }
  return [...found]
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer().once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
