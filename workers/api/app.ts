/** The routes and what stands around them. Middleware runs outside in, in the order in which it is named here. */
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { App, AppEnv } from './context.ts'
import { registerDocs } from './docs/routes.ts'
import { authenticate } from './middleware/authenticate.ts'
import { limitBody } from './middleware/body-limit.ts'
import { envelope } from './middleware/envelope.ts'
import { securityAndCors } from './middleware/headers.ts'
import { answerUnrouted } from './middleware/methods.ts'
import { observe } from './middleware/observe.ts'
import { noteOwnWrites } from './middleware/own-writes.ts'
import { answerProblem, refuseInput } from './middleware/problems.ts'
import { provide } from './middleware/provide.ts'
import { rateLimit } from './middleware/rate-limit.ts'
import { sentenceOf } from './middleware/sentences.ts'
import { registerAccounts } from './routes/accounts.ts'
import { registerBoards } from './routes/boards.ts'
import { registerComments } from './routes/comments.ts'
import { registerCreatePost } from './routes/create-post.ts'
import { registerFeed } from './routes/feed.ts'
import { registerFollowRequests } from './routes/follow-requests.ts'
import { registerHealth } from './routes/health.ts'
import { registerImages } from './routes/images.ts'
import { registerLikes } from './routes/likes.ts'
import { registerMedia } from './routes/media.ts'
import { registerNotifications } from './routes/notifications.ts'
import { registerPeopleLists } from './routes/people-lists.ts'
import { registerPosts } from './routes/posts.ts'
import { registerRelations } from './routes/relations.ts'
import { registerReports } from './routes/reports.ts'
import { registerSearch } from './routes/search.ts'
import { registerSignals } from './routes/signals.ts'
import { registerUsers } from './routes/users.ts'

/** Each adds its routes to the app.  */
const ROUTES: readonly ((app: App) => void)[] = [
  registerAccounts,
  registerFeed,
  registerUsers,
  registerRelations,
  registerPeopleLists,
  registerFollowRequests,
  registerCreatePost,
  registerPosts,
  registerLikes,
  registerComments,
  registerMedia,
  registerBoards,
  registerSearch,
  registerNotifications,
  registerSignals,
  registerReports,
  registerDocs,
]

/** @param log takes one JSON line a request */
export function createApp(log: (line: string) => void): App {
  z.config({ customError: sentenceOf })
  const app = new OpenAPIHono<AppEnv>({ defaultHook: refuseInput })
  app.onError(answerProblem)
  app.notFound(answerUnrouted(app))

  // Pictures and health come before the envelope: they need no services and outnumber everything else.
  registerImages(app)
  registerHealth(app)

  app.use('*', provide())
  app.use('*', envelope(log))
  app.use('*', observe())
  app.use('*', securityAndCors())
  app.use('/v1/*', limitBody())
  app.use('/v1/*', authenticate())
  app.use('/v1/*', rateLimit())
  app.use('/v1/*', noteOwnWrites())
  for (const register of ROUTES) register(app)
  return app
}
