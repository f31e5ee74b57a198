import { scenarios } from './gateway-killed.ts'
import { testScenarios } from './test-scenarios.ts'

testScenarios(scenarios)
