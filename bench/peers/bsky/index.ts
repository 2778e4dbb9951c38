/**
 * Bluesky's open AppView and its data plane (`@atproto/bsky`), on a Postgres of its own: the pull design, where each read joins
 * whom a reader follows with what they posted. It serves `app.bsky.feed.getTimeline`.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { freePort, type Running, startProcess, untilAnswers } from '../../processes.ts'
import type { Peer, PeerKind, PeerOptions } from '../peer.ts'
import { startPostgres } from '../postgres.ts'
import { HERE, installPackages } from './install.ts'
import { didOf, readersWithPages, rowsOf } from './rows.ts'
import { seedTables } from './seed.ts'

export const bsky: PeerKind = {
  install: '(cd bench/peers/bsky && npm ci), and Python 3 with pip for its Postgres',
  async start(options) {
    const running: Running[] = []
    const stop = async () => {
      for (const process of running.reverse()) await process.stop()
    }
    try {
      return { ...(await startAll(options, running)), stop }
    } catch (error) {
      await stop()
      throw error
    }
  },
}

async function startAll(options: PeerOptions, running: Running[]): Promise<Omit<Peer, 'stop'>> {
  const { people, page, directory, say } = options
  await installPackages(say)
  const postgres = await startPostgres(directory, say)
  running.push(postgres)

  const dataPlanePort = await freePort()
  const dataPlaneUrl = `http://127.0.0.1:${dataPlanePort}`
  const dataPlane = startPart('data-plane', postgres.url, String(dataPlanePort))
  running.push(dataPlane)
  await untilAnswers(dataPlaneUrl)
  say(`the peer: seeding ${people.graph.people} people`)
  await seedTables(postgres.url, rowsOf(people, Date.now()))

  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const password = randomBytes(16).toString('hex')
  const appView = startPart('app-view', dataPlaneUrl, String(port), password)
  running.push(appView)
  await untilAnswers(`${url}/xrpc/_health`)

  // The AppView's own door for its operator: no token to verify, no identity to look up.
  const authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`
  return {
    url,
    pids: { appView: appView.pid, dataPlane: dataPlane.pid, postgres: postgres.pid },
    readers: readersWithPages(people, page).map((reader) => ({
      path: `/xrpc/app.bsky.feed.getTimeline?limit=${page}`,
      headers: { authorization, 'appview-as-did': didOf(reader) },
    })),
    itemsIn: (body) => (JSON.parse(body) as { feed?: unknown[] }).feed?.length ?? 0,
  }
}

const startPart = (...args: string[]): Running =>
  startProcess(process.execPath, ['--no-deprecation', join(HERE, 'serve.ts'), ...args], { NODE_ENV: 'production' })
