/** Redis engines for tests: the embedded one always, a real redis-server where the machine has one. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { test } from 'vitest'
import { freePort } from '../embedded/free-port.ts'
import { startEmbeddedRedis } from '../embedded/redis/index.ts'
import { findRedisServer } from '../embedded/redis-server.ts'

interface RunningRedis {
  url: string
  port: number
  close(): Promise<void>
}

export interface RedisEngine {
  name: string
  /** Whether it has BLPOP and its kind, which the embedded engine leaves out. */
  blocks: boolean
  /** Starts an empty server. @param port a fixed port, to start again where another was; free when absent */
  start(port?: number): Promise<RunningRedis>
}

const embedded: RedisEngine = {
  name: 'embedded redis',
  blocks: false,
  async start(port) {
    return startEmbeddedRedis({ port: port ?? (await freePort()) })
  },
}

/** The engines to run a suite on: to be asked where tests are declared, since one that is absent is a test that is skipped. */
export function redisEngines(): RedisEngine[] {
  const command = findRedisServer(process.env.PATH ?? '')
  if (command !== null) {
    return [embedded, { name: 'redis-server', blocks: true, start: (port) => startRedisServer(command, port) }]
  }
  test.skip('a real server: no redis-server or valkey-server is on the PATH', () => {})
  return [embedded]
}

async function startRedisServer(command: string, port?: number): Promise<RunningRedis> {
  const chosen = port ?? (await freePort())
  const options = ['--port', String(chosen), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', '/tmp']
  const child = spawn(command, options, { stdio: 'ignore' })
  await untilListening(chosen)
  return {
    url: `redis://127.0.0.1:${chosen}`,
    port: chosen,
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

export async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const socket = createConnection(port, '127.0.0.1')
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (connected) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`redis-server did not listen on ${port}`)
}
