/** Bodies are small JSON: media goes to the object store by presigned address, never through this Worker. */
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { problems } from '#core/problem.ts'
import type { AppEnv } from '../context.ts'

/** A caption of 2,200 characters, ten media ids and a thousand parts of an upload fit many times over. */
export const BODY_LIMIT_BYTES = 128 * 1024

const tooLarge = () => problems.tooLarge(`A body may have ${BODY_LIMIT_BYTES} bytes at most.`)

export function limitBody(): MiddlewareHandler<AppEnv> {
  const counted = bodyLimit({
    maxSize: BODY_LIMIT_BYTES,
    onError: () => {
      throw tooLarge()
    },
  })
  return function limitRequestBody(c, next) {
    if (c.req.raw.body === null) return next()
    const type = c.req.raw.headers.get('content-type')
    if (type !== null && !/^application\/(?:[\w.+-]+\+)?json *(?:;|$)/i.test(type)) {
      throw problems.unsupportedMedia('Bodies are application/json.')
    }
    return counted(c, next)
  }
}
