import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../free-port.ts'
import { RawClient } from './raw-client.ts'

const START_ATTEMPTS = 100

/** The command that starts a real server, or undefined. */
export function findRealServer(): string | undefined {
  return ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0)
}

/** Starts a real server with an empty memory on a free loopback port. */
export async function startRealServer(command: string): Promise<{ port: number; stop(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'real-redis-'))
  const port = await freePort()
  const settings = { port, bind: '127.0.0.1', save: '', appendonly: 'no', dir: directory }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  const server = spawn(command, args, { stdio: 'ignore' })
  await answering(port)
  return {
    port,
    async stop() {
      await ended(server)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function answering(port: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const client = await RawClient.connect(port)
      await client.pipeline([['PING']])
      client.close()
      return
    } catch (error) {
      if (attempt === START_ATTEMPTS) throw error
      await pause(50)
    }
  }
}

function ended(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    server.once('exit', () => resolve())
    server.kill()
  })
}
