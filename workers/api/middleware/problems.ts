/** Every failure as a problem (RFC 9457). What a client may know is said kindly, what broke inside goes to the log. */
import type { Hook } from '@hono/zod-openapi'
import type { ErrorHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { type FieldProblem, Problem, problems } from '#core/problem.ts'
import { RedisAwayError } from '#core/redis.ts'
import type { AppEnv } from '../context.ts'
import { OriginAwayError } from '../data/origin.ts'
import { DatabaseAwayError } from '../data/postgres.ts'

/** The problem that an error is to a client. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof DatabaseAwayError) return problems.away('The database', 2, error)
  if (error instanceof OriginAwayError) return problems.away('This service', 5, error)
  if (error instanceof RedisAwayError) return problems.away('The timelines', 2, error)
  if (error instanceof HTTPException && error.status < 500) {
    return error.status === 400
      ? problems.badRequest('The body is not JSON.')
      : new Problem({ status: error.status, code: 'refused', title: error.message, cause: error })
  }
  return new Problem({
    status: 500,
    code: 'internal',
    title: 'Something went wrong',
    detail: 'The fault is ours. Quote the request id when you report it.',
    cause: error,
  })
}

/** Headers that middleware has set already (limits) are kept. */
export const answerProblem: ErrorHandler<AppEnv> = (error, c) => {
  const problem = problemOf(error)
  const requestId = c.get('trace')?.requestId
  for (const [name, value] of Object.entries(problem.headers)) c.header(name, value)
  c.header('content-type', 'application/problem+json')
  c.header('cache-control', 'no-store')
  return c.body(JSON.stringify(problem.toJSON(c.req.path, requestId)), problem.status as 400)
}

/** RFC 6901, with the part of the request in front where it is no body. */
function pointer(target: string, path: PropertyKey[]): string {
  const steps = path.map((step) => String(step).replaceAll('~', '~0').replaceAll('/', '~1'))
  return target === 'json' ? steps.map((step) => `/${step}`).join('') : steps.join('/')
}

/** Input that a schema refused: 400 with one entry a fault. */
export const refuseInput: Hook<unknown, AppEnv, string, unknown> = (result) => {
  if (result.success) return undefined
  const errors: FieldProblem[] = result.error.issues
    .slice(0, 20)
    .flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ pointer: pointer(result.target, [...issue.path, key]), detail: 'Unknown field.' }))
        : [{ pointer: pointer(result.target, issue.path), detail: issue.message }],
    )
  throw problems.badRequest('The request does not fit its schema.', errors)
}
