import { describeSockets } from '../transport/socket.contract.js'
import { wsSockets } from './ws-sockets.js'

describeSockets('ws package', { factory: wsSockets })
