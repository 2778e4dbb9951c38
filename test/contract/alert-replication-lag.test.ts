/**
 * The alert ReplicationLag, on a primary and its real standby: an origin that reads both, its /metrics, a Prometheus. Servers as
 * in replicas.test.ts. The embedded engine has no standby: then there is no such metric, and the alert has nothing to say.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { readConfig } from '../../origin/config.ts'
import { startOrigin } from '../../origin/main.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { until } from '../e2e/until.ts'
import { hasPrometheus, type Prometheus, startPrometheus } from '../setup/prometheus.ts'
import { createDatabaseAt } from './engines.ts'
import { pairOfServers, type ServerPair } from './postgres-servers.ts'

const start = pairOfServers()

if (start === null) {
  test.skip('ReplicationLag (neither DATABASE_REPLICA_URLS nor POSTGRES_TEST_DOWNLOADS has a standby)', () => {})
} else if (!hasPrometheus) {
  test.skip('ReplicationLag (no prometheus is on the PATH)', () => {})
} else {
  describe('an alert about a standby', () => suite(start))
}

function suite(startServers: () => Promise<ServerPair>): void {
  const closers: (() => Promise<unknown>)[] = []
  let primary: pg.Pool
  let standby: pg.Pool
  let prometheus: Prometheus

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tideline-lag-'))
    closers.unshift(async () => rmSync(folder, { recursive: true, force: true }))
    const servers = await startServers()
    closers.unshift(servers.close)
    const own = await createDatabaseAt(servers.primary)
    closers.unshift(own.close)
    const pool = (connectionString: string) => {
      const opened = new pg.Pool({ connectionString, max: 1 }).on('error', () => {})
      closers.unshift(() => opened.end())
      return opened
    }
    const replicaUrl = Object.assign(new URL(servers.standby), { pathname: new URL(own.url).pathname }).href
    primary = pool(own.url)
    standby = pool(replicaUrl)
    const config = readConfig({
      ...{ PORT: '0', GATEWAY_PORT: '0', REDIS_PORT: '0', S3_PORT: '0', REDIS_URL: 'embedded' },
      ...{ STATE_DIR: folder, ROLES: 'gateway', DATABASE_URLS: own.url, DATABASE_REPLICA_URLS: replicaUrl },
    })
    const origin = await startOrigin({ config, logger: createLogger({ level: 'silent' }) })
    closers.unshift(() => origin.close())
    prometheus = await startPrometheus(folder, { port: origin.port, serviceToken: config.secrets.SERVICE_TOKEN })
    closers.unshift(() => prometheus.close())
  })
  afterAll(async () => {
    await standby?.query('SELECT pg_wal_replay_resume()')
    for (const close of closers) await close()
  })

  const write = () => primary.query("SELECT pg_logical_emit_message(true, 'test', 'a write')")

  it('fires while replay stands still, is quiet before, and again when the standby has caught up', async () => {
    const isNear = async () => {
      await write()
      const lag = await prometheus.value('ReplicationLag')
      return lag !== null && lag < 0.5
    }
    await until('the lag is known', isNear)
    expect(await prometheus.firing()).toEqual([])
    await standby.query('SELECT pg_wal_replay_pause()')
    await write()
    await until('ReplicationLag fires', async () => (await prometheus.firing()).includes('ReplicationLag'))
    expect(await prometheus.value('ReplicationLag')).toBeGreaterThan(0.5)
    await standby.query('SELECT pg_wal_replay_resume()')
    await until('it is quiet again', async () => (await prometheus.firing()).length === 0)
  })
}
