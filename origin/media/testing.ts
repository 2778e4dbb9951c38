/** A media tier over real engines, for tests: its clock moves when they say so. */
import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { createIdFactory, type Id } from '#core/ids.ts'
import { startDatabase, startObjects } from '../../test/contract/engines.ts'
import { openPostgresLog } from '../../test/contract/event-log-engines.ts'
import type { RequestContext } from '../internal-api.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import { createMedia } from './index.ts'
import { postgresMedia, postgresMediaJobs } from './postgres.ts'
import type { WorkerNeeds } from './worker.ts'

const logger = createLogger({ level: 'silent' })
const context: RequestContext = {
  requestId: 'test',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  signal: new AbortController().signal,
  logger,
}
const ids = createIdFactory(Date.now, Math.random)
export const newId = (): Id => ids.next(3)

/** A picture with something in it: one half red, one half blue. */
export const picture = (width = 400, height = 300) =>
  sharp({ create: { width, height, channels: 3, background: '#d02020' } }).composite([
    { input: { create: { width: width >> 1, height, channels: 3, background: '#2020d0' } }, gravity: 'east' },
  ])
export const jpeg = async (width?: number, height?: number) =>
  new Uint8Array(await picture(width, height).jpeg().toBuffer())
export const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

export type Stage = Awaited<ReturnType<typeof openStage>>

/** Starts the engines; `begin` before each test, `close` after the last. */
export async function openStage() {
  const [postgres, files] = await Promise.all([startDatabase(), startObjects()])
  const log = openPostgresLog(postgres.database)
  const { database, pool } = postgres
  const { objects } = files
  const moment = { now: 0, user: newId() }
  const clock = () => moment.now
  const open = () => createMedia({ database, objects, log, metrics: createMetrics(), logger, clock })
  const media = open()

  const create = (bytes: number, contentType = 'image/jpeg', sha256: string | null = null, mediaId = newId()) =>
    media.handlers['media.create']!(
      { mediaId, userId: moment.user, contentType, bytes, sha256, alt: 'a view' },
      context,
    )
  const complete = (mediaId: Id, userId = moment.user) =>
    media.handlers['media.complete']!({ mediaId, userId, parts: null }, context)
  const send = (to: { url: string; headers: Record<string, string> }, bytes: Uint8Array) =>
    fetch(to.url, { method: 'PUT', headers: to.headers, body: bytes as Uint8Array<ArrayBuffer> })

  return Object.assign(moment, {
    ...{ database, pool, objects, open, create, complete, send },
    get: (mediaId: Id) => media.handlers['media.get']!({ mediaId }, context),
    /** Announces, uploads and completes. */
    async upload(bytes: Uint8Array, contentType = 'image/jpeg') {
      const announced = await create(bytes.length, contentType)
      const { status } = await send(announced.uploads[0]!, bytes)
      if (status !== 200) throw new Error(`the store answered ${status} to an upload`)
      return complete(announced.mediaId)
    },
    worker: (owner = 'worker', over: Partial<WorkerNeeds> = {}): WorkerNeeds => ({
      store: postgresMedia(database),
      jobs: postgresMediaJobs(database),
      objects,
      publish: async () => {},
      clock,
      random: Math.random,
      owner,
      ...over,
    }),
    /** A new moment and a new person; no job waits. */
    async begin() {
      moment.now = Date.now()
      moment.user = newId()
      await pool.query("update media_jobs set state = 'done'")
    },
    async close() {
      await log.close()
      await files.close()
      await postgres.close()
    },
  })
}
