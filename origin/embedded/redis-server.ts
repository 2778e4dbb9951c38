/** A redis-server or valkey-server of this machine, used instead of the embedded engine when there is one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../observe/logger.ts'

const NAMES = ['valkey-server', 'redis-server']

/** The first of them on a PATH; null when there is none. */
export function findRedisServer(path: string): string | null {
  for (const folder of path.split(delimiter).filter(Boolean)) {
    for (const name of NAMES) {
      const file = join(folder, name)
      try {
        accessSync(file, constants.X_OK)
        return file
      } catch {
        // Not in this folder.
      }
    }
  }
  return null
}

export interface RedisServerOptions {
  command: string
  port: number
  /** Where its append-only file lies. */
  directory: string
  logger: Logger
  /** It ended, and nobody had asked it to. It is not started again: what it was doing may be what ended it. */
  onDeath?: ((why: string) => void) | undefined
}

export interface RunningRedisServer {
  url: string
  /** Ends the server and waits for it, its data written. */
  close(): Promise<void>
}

/**
 * Starts it on 127.0.0.1 with an append-only file synced every second, and waits until it answers. A server that an
 * earlier origin left behind (killed, it could not end it) is taken over: its data are newer than the file.
 * @throws when it ends before, or does not answer within ten seconds
 */
export async function startRedisServer(options: RedisServerOptions): Promise<RunningRedisServer> {
  const { command, port, directory, logger, onDeath } = options
  const url = `redis://127.0.0.1:${port}`
  const pidFile = join(directory, 'server.pid')
  const left = pidOf(pidFile)
  if (left !== null && (await answersPing(port))) return { url, close: () => endProcess(left) }
  const flags = ['--port', port, '--bind', '127.0.0.1', '--dir', directory, '--appendonly', 'yes', '--save', '']
  const server = spawn(command, [...flags.map(String), '--pidfile', pidFile], {
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
  })
  let isClosing = false
  server.on('exit', (code, signal) => {
    if (isClosing) return
    logger.error({ code, signal }, `${command} ended`)
    onDeath?.(signal === null ? `with exit code ${code}` : `by ${signal}`)
  })
  await untilAnswering(server, port)
  return {
    url,
    async close() {
      isClosing = true
      if (hasEnded(server)) return
      const ended = new Promise((resolve) => server.once('exit', resolve))
      server.kill('SIGTERM')
      await ended
    },
  }
}

/** The process that a pid file names, if it lives. */
function pidOf(file: string): number | null {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    process.kill(pid, 0)
    return pid
  } catch {
    return null
  }
}

async function endProcess(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGTERM')
    for (let tries = 0; tries < 200; tries++) {
      process.kill(pid, 0)
      await delay(50)
    }
  } catch {
    // It has ended.
  }
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

async function untilAnswering(server: ChildProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (hasEnded(server)) throw new Error(`redis-server ended on port ${port}; another one may be listening there`)
    if (await answersPing(port)) return
    await delay(50)
  }
  throw new Error(`redis-server did not answer on port ${port}`)
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const finish = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('data', (data) => finish(data.toString().startsWith('+PONG')))
    socket.once('error', () => finish(false))
  })
}
