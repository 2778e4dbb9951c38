/** The process that kill.test.ts kills: serves a folder until it dies. Arguments: the folder. */
import { startEmbeddedObjects } from './index.ts'
import { CREDENTIALS } from './test-server.ts'

const [dir = ''] = process.argv.slice(2)
const { endpoint } = await startEmbeddedObjects({
  dir,
  credentials: CREDENTIALS,
  buckets: ['media'],
  limits: { minPartBytes: 1 },
  logger: { info: () => undefined, error: (fields) => console.error(fields) },
})
console.log(endpoint)
