/** A media tier over real engines, for tests: its clock moves when they say so. */
import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { makeEvent } from '#core/events.ts'
import { createIdFactory, type Id } from '#core/ids.ts'
import { startDatabase, startObjects, startRedis } from '../../test/contract/engines.ts'
import { openPostgresLog } from '../../test/contract/event-log-engines.ts'
import type { RequestContext } from '../internal-api.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import { createMedia } from './index.ts'
import type { NamedPart } from './parts.ts'
import { postgresMedia, postgresMediaJobs } from './postgres.ts'
import type { CachePurge } from './purge.ts'
import { mediaService } from './service.ts'
import type { WorkerNeeds } from './worker.ts'

const logger = createLogger({ level: 'silent' })
const context: RequestContext = {
  requestId: 'test',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
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
  const [postgres, files, memory] = await Promise.all([startDatabase(), startObjects(), startRedis()])
  const log = openPostgresLog(postgres.database)
  const { database, pool } = postgres
  const { objects } = files
  const { redis } = memory
  const moment = { now: 0, user: newId() }
  const clock = () => moment.now
  const open = (caches?: CachePurge) =>
    createMedia({
      database,
      objects,
      redis,
      log,
      metrics: createMetrics(),
      logger,
      clock,
      ...(caches ? { caches } : {}),
    })
  const media = open()

  const create = (
    bytes: number,
    contentType = 'image/jpeg',
    sha256: string | null = null,
    mediaId = newId(),
    multipart = false,
  ) =>
    media.handlers['media.create']!(
      { mediaId, userId: moment.user, contentType, bytes, sha256, alt: 'a view', multipart },
      context,
    )
  const complete = (mediaId: Id, userId = moment.user, parts: NamedPart[] | null = null) =>
    media.handlers['media.complete']!({ mediaId, userId, parts }, context)
  const send = (to: { url: string; headers: Record<string, string> }, bytes: Uint8Array) =>
    fetch(to.url, { method: 'PUT', headers: to.headers, body: bytes as Uint8Array<ArrayBuffer> })

  return Object.assign(moment, {
    ...{ database, pool, objects, redis, open, create, complete, send },
    openForAll: (mediaId: Id, userId = moment.user) =>
      media.handlers['media.openForAll']!({ mediaId, userId }, context),
    /** Publishes the event of a changed account. */
    accountChanged: () => {
      const data = { userId: moment.user, version: 2 }
      return log.publish([makeEvent({ type: 'user.changed', key: moment.user, actor: null, data }, clock, Math.random)])
    },
    /** Publishes the event of a deleted post. */
    postDeleted: (postId: Id) => {
      const data = { postId, userId: moment.user, version: 2 }
      return log.publish([makeEvent({ type: 'post.deleted', key: moment.user, actor: null, data }, clock, Math.random)])
    },
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
      redis,
      purge: async () => {},
      publish: async () => {},
      clock,
      random: Math.random,
      owner,
      ...over,
    }),
    /** The rules alone, with a store or objects that behave otherwise. */
    service: (over: Partial<Parameters<typeof mediaService>[0]> = {}) =>
      mediaService({
        store: postgresMedia(database),
        objects,
        publish: async () => {},
        clock,
        random: Math.random,
        randomHex: () => 'x',
        ...over,
      }),
    /** Makes the person's account, or changes it. */
    async account(isPrivate: boolean, avatar: string | null = null) {
      const name = `person${moment.user}`
      await pool.query(
        `insert into users (user_id, username, email, display_name, is_private, profile_image_url)
         values ($1, $2, $2, $2, $3, $4)
         on conflict (user_id) do update set is_private = excluded.is_private, profile_image_url = excluded.profile_image_url`,
        [moment.user, name, isPrivate, avatar],
      )
    },
    /** Keys of all objects of a media. */
    async objectsOf(mediaId: Id): Promise<string[]> {
      const pages = await Promise.all(['media', 'private'].map((folder) => objects.list(`${folder}/${mediaId}/`)))
      return pages.flatMap(({ items }) => items.map(({ key }) => key)).sort()
    },
    /** A new moment and a new person; no job waits. */
    async begin() {
      moment.now = Date.now()
      moment.user = newId()
      await pool.query("update media_jobs set state = 'done'")
    },
    async close() {
      await log.close()
      await files.close()
      await memory.close()
      await postgres.close()
    },
  })
}
