import { scenarios } from './network-cut.ts'
import { testScenarios } from './test-scenarios.ts'

testScenarios(scenarios)
