import { describeSocketServer } from '../../ports/socket-server.contract.js'
import { createWsSocketServer } from './socket-server.js'

describeSocketServer({ name: 'ws', create: (options) => createWsSocketServer(options, 'because the suite asks for it') })
