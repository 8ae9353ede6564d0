export default function DomainLogsPage() {
	return null;
}
