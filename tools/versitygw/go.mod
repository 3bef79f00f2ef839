// A server that speaks S3 and keeps objects in a folder. go.sum says what each module has to be.
module evegram.local/versitygw

go 1.25.0

require github.com/versity/versitygw v1.8.0
