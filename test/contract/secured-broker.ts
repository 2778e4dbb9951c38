/** A Kafka broker of a test's own that takes clients over TLS only, and only those that sign in. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lastLines, startIn, stopIn } from '../../ops/cluster/process.ts'
import type { Server } from '../../ops/cluster/profiles.ts'
import { clusterSecrets } from '../../ops/cluster/secrets.ts'
import { placeFrom } from '../../ops/cluster/state.ts'
import { kafka, launchKafka } from '../../ops/native/kafka.ts'
import { freePort } from '../../origin/embedded/free-port.ts'
import type { TestCertificates } from './certificates.ts'

export const USER = Object.freeze({ username: 'tideline', password: 'of-no-importance' })

export interface SecuredBroker {
  /** host:port of the listener that asks for TLS and a user. */
  address: string
  stop(): Promise<void>
}

/** Where the native way has installed Kafka; null where it has not. */
export function installedKafka(): string | null {
  const folder = join(placeFrom(process.env).downloads, kafka.folder)
  return existsSync(folder) ? folder : null
}

export async function startSecuredBroker(software: string, certificates: TestCertificates): Promise<SecuredBroker> {
  const home = mkdtempSync(join(tmpdir(), 'tideline-kafka-'))
  const [port, controller, secured] = [await freePort(), await freePort(), await freePort()]
  const server: Server = { name: 'kafka', kind: 'kafka', port, inner: { controller }, memoryMb: 1_024 }
  const cluster = {
    folder: home,
    downloads: '',
    profile: 'small',
    servers: [server],
    secrets: clusterSecrets(home),
  } as const
  const launch = await launchKafka(
    { server, cluster, software, home },
    { properties: securedListener(server, secured, certificates), scram: scramUsers() },
  )
  await startIn(home, launch)
  const stop = async () => {
    await stopIn(home, 'SIGKILL', 10_000)
    rmSync(home, { recursive: true, force: true })
  }
  // A JVM on a busy machine takes its time.
  for (let attempt = 1; !(await listens(secured)); attempt++) {
    if (attempt > 600) {
      const said = lastLines(home, 30)
      await stop()
      throw new Error(`Kafka did not come up:\n${said}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return { address: `localhost:${secured}`, stop }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: 'localhost', port })
    const answer = (isUp: boolean) => () => {
      socket.destroy()
      resolve(isUp)
    }
    socket.once('connect', answer(true)).once('error', answer(false))
  })
}

const scramUsers = () =>
  ['SCRAM-SHA-256', 'SCRAM-SHA-512'].map((name) => `${name}=[name=${USER.username},password=${USER.password}]`)

function securedListener({ port, inner }: Server, secured: number, { cert, key }: TestCertificates) {
  const listener = 'listener.name.secured'
  const login = 'org.apache.kafka.common.security'
  const pem = (text: string) => text.trim().replaceAll('\n', '\\n')
  const listeners = `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${inner.controller},SECURED://localhost:${secured}`
  return {
    listeners,
    'advertised.listeners': listeners,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL',
    [`${listener}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    [`${listener}.plain.sasl.jaas.config`]: `${login}.plain.PlainLoginModule required user_${USER.username}="${USER.password}";`,
    [`${listener}.scram-sha-256.sasl.jaas.config`]: `${login}.scram.ScramLoginModule required;`,
    [`${listener}.scram-sha-512.sasl.jaas.config`]: `${login}.scram.ScramLoginModule required;`,
    [`${listener}.ssl.keystore.type`]: 'PEM',
    [`${listener}.ssl.keystore.certificate.chain`]: pem(cert),
    [`${listener}.ssl.keystore.key`]: pem(key),
  }
}
