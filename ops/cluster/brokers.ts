/** Where tests and benches find Kafka, if it is there. */
import { connect } from 'node:net'
import { serversOf } from './profiles.ts'

/** The brokers that KAFKA_BROKERS names, or that of the small cluster when it is up; null without any. */
export async function runningBrokers(env: NodeJS.ProcessEnv = process.env): Promise<string[] | null> {
  if (env.KAFKA_BROKERS) return env.KAFKA_BROKERS.split(',')
  const ports = serversOf('small')
    .filter(({ kind }) => kind === 'kafka')
    .map(({ port }) => port)
  const up = await Promise.all(ports.map(listens))
  return ports.length > 0 && up.every(Boolean) ? ports.map((port) => `127.0.0.1:${port}`) : null
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const answer = (there: boolean) => () => {
      socket.destroy()
      resolve(there)
    }
    socket.once('connect', answer(true)).once('error', answer(false))
  })
}
