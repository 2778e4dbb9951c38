/**
 * Replays dead letters of a running origin:
 *
 *     npm run replay -- events | deferred-writes | <topic> [group] | media-jobs
 *
 * Needs ORIGIN_URL and SERVICE_TOKEN in the environment.
 */
import { sentenceOf } from '../observe/sentence.ts'
import { replayRequest } from './replay-service.ts'

const [target = '', group] = process.argv.slice(2)
const request = replayRequest.safeParse(asked())
const { ORIGIN_URL: url = 'http://127.0.0.1:8080', SERVICE_TOKEN: token } = process.env

if (!request.success || !token) {
  process.stderr.write(
    token
      ? 'usage: npm run replay -- events | deferred-writes | <topic> [group] | media-jobs\n'
      : 'SERVICE_TOKEN is not set.\n',
  )
  process.exit(2)
}

try {
  const answer = await fetch(`${url}/internal/dead-letters/replay`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(request.data),
  })
  process.stdout.write(`${await answer.text()}\n`)
  process.exitCode = answer.ok ? 0 : 1
} catch (error) {
  process.stderr.write(`The origin at ORIGIN_URL (${url}) was not reached: ${sentenceOf(error)}\n`)
  process.exitCode = 1
}

function asked(): unknown {
  if (target === 'events' || target === 'deferred-writes') return { queue: target }
  return target === 'media-jobs' ? { jobs: 'media' } : { topic: target, group }
}
