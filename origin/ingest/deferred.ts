/** Writes that the edge accepted with 202 because their store was away. */
import { type DeferredWrite, type OriginMethod, originApi } from '#core/origin-api.ts'
import { Problem, problems } from '#core/problem.ts'
import type { OriginHandlers, RequestContext } from '../internal-api.ts'

/**
 * Applies one deferred write. It may come more than once: the second time must change nothing.
 * Throw `Unprocessable`, or a Problem below 500, when it can never be applied; anything else is tried again.
 */
export type DeferredHandler = (write: DeferredWrite, context: RequestContext) => Promise<void>
export type DeferredHandlers = Partial<Record<DeferredWrite['kind'], DeferredHandler>>

const METHODS = [
  'engagement.like',
  'engagement.unlike',
  'engagement.comment',
  'engagement.share',
  'engagement.editComment',
  'engagement.deleteComment',
] as const satisfies readonly (DeferredWrite['kind'] & OriginMethod)[]

const NEEDS_A_COMMENT = ['engagement.comment', 'engagement.editComment', 'engagement.deleteComment']

/**
 * Queues keep no order: a reply, an edit or a deletion may come before its comment. It waits, as for a store away. With one
 * that was deleted it has ended: there is nothing to apply it to, and nothing that a person could do about it.
 */
const mayArriveLater = (kind: string, error: unknown) =>
  NEEDS_A_COMMENT.includes(kind) && error instanceof Problem && error.code === 'not-found'

const isDeleted = (error: unknown) => error instanceof Problem && error.code === 'deleted'

/** Deferred writes that are calls of an origin method, made late: the method's own handler applies them. */
export function deferredFromMethods(methods: OriginHandlers): DeferredHandlers {
  const handlers: DeferredHandlers = {}
  for (const kind of METHODS) {
    const method = methods[kind] as ((input: unknown, context: RequestContext) => Promise<unknown>) | undefined
    if (!method) continue
    handlers[kind] = async (write, context) => {
      if (write.kind === 'post.create') throw new TypeError('a post is no engagement')
      try {
        await method(originApi[kind].input.parse(write.input), context)
      } catch (error) {
        if (isDeleted(error)) return
        throw mayArriveLater(kind, error) ? problems.away('The comment that this one needs', 2, error) : error
      }
    }
  }
  return handlers
}
