CREATE TABLE `site_functions` (
	`site` text NOT NULL,
	`code` text NOT NULL,
	PRIMARY KEY(`site`, `code`)
);
--> statement-breakpoint
CREATE INDEX `site_functions_code` ON `site_functions` (`code`);