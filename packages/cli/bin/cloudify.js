#!/usr/bin/env node
import "../dist/cloudify.mjs";
